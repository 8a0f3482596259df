"""Data sets of the course: real or modelled on measurements, and read without a network.

    digits = image()      # handwritten digits
    manual = text()       # the manual of Python, as characters
    vowels = speech()     # vowels of men, women and children, as log-mel frames
    words = manual_words()    # which word stands how often in which paragraph of the manual

Each of the first three is a `Data` with the parts train, validation and test, made of tensors on the CPU.
Larger sets come from OpenML, and are kept on disk: `image("openml:mnist_784")`, `speech("openml:isolet")`.
"""

from course.data.image import image
from course.data.speech import VOWELS, speech, vowel
from course.data.splits import Data, Split
from course.data.text import text
from course.data.words import Words, manual_words

__all__ = ["VOWELS", "Data", "Split", "Words", "image", "manual_words", "speech", "text", "vowel"]
