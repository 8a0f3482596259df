"""Data sets of the course: real or modelled on measurements, and read without a network.

    digits = image()      # handwritten digits
    manual = text()       # the manual of Python, as characters
    vowels = speech()     # vowels of men, women and children, as log-mel frames

Each is a `Data` with the parts train, validation and test, made of tensors on the CPU. Larger sets come
from OpenML, and are kept on disk: `image("openml:mnist_784")`, `speech("openml:isolet")`.
"""

from course.data.image import image
from course.data.speech import VOWELS, speech, vowel
from course.data.splits import Data, Split
from course.data.text import text

__all__ = ["VOWELS", "Data", "Split", "image", "speech", "text", "vowel"]
