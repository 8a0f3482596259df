r"""Vowels, spoken by a source-filter model with measured averages.

A voice is a sum of harmonics of its pitch F_0. The source gives harmonic k the amplitude 1/k (the glottis
falls by 12 dB an octave, the lips give 6 back). The vocal tract then passes each frequency f on as its
resonances, the formants F_1, F_2, ... with bandwidths B_i, let it:

    |H(f)| = \prod_i F_i^2 / \sqrt{(F_i^2 - f^2)^2 + (B_i f)^2}

Formants and pitch are the averages of 33 men, 28 women and 15 children: Peterson and Barney 1952,
"Control methods used in a study of the vowels", JASA 24, table II. The model: Fant 1960, "Acoustic
theory of speech production".
"""

import functools

import numpy as np
import torch

from course.data.splits import Data, Split, openml, parts
from course.inputs import check_count, unknown, wrong

RATE = 8000  # samples per second
SECONDS = 0.25
WINDOW, HOP, MELS = 256, 100, 32  # of the spectrogram: samples, samples, bands
BANDWIDTHS = np.array([60.0, 90.0, 150.0, 200.0])  # Hz
# word -> (F0, F1, F2, F3) in Hz of men, women, children
VOWELS = {
    "heed": ((136, 270, 2290, 3010), (235, 310, 2790, 3310), (272, 370, 3200, 3730)),
    "hid": ((135, 390, 1990, 2550), (232, 430, 2480, 3070), (269, 530, 2730, 3600)),
    "head": ((130, 530, 1840, 2480), (223, 610, 2330, 2990), (260, 690, 2610, 3570)),
    "had": ((127, 660, 1720, 2410), (210, 860, 2050, 2850), (251, 1010, 2320, 3320)),
    "hod": ((124, 730, 1090, 2440), (212, 850, 1220, 2810), (256, 1030, 1370, 3170)),
    "hawed": ((129, 570, 840, 2410), (216, 590, 920, 2710), (263, 680, 1060, 3180)),
    "hood": ((137, 440, 1020, 2240), (232, 470, 1160, 2680), (276, 560, 1410, 3310)),
    "who'd": ((141, 300, 870, 2240), (231, 370, 950, 2670), (274, 430, 1170, 3260)),
    "hud": ((130, 640, 1190, 2390), (221, 760, 1400, 2780), (261, 850, 1590, 3360)),
    "heard": ((133, 490, 1350, 1690), (218, 500, 1640, 1960), (261, 560, 1820, 2160)),
}
SPEAKERS = ("man", "woman", "child")
_FOURTH = (3500.0, 3900.0, 4200.0)  # Hz, F4 of men, women, children: not in the table, of that order


def speech(source="vowels", *, speakers=30, repetitions=5, seed=0):
    """Ten vowels as log-mel frames: 1500 of them, by ten men, ten women and ten children.

    x: float32 (n, 21 frames, 32 mel bands), the natural logarithm of the energy, less the mean and divided
    by the standard deviation of train. y: int64 (n,), the vowel; classes are the words it is spoken in
    (heed, hid, ...). No speaker stands in two parts: 60 : 20 : 20 of the speakers of each group.
    source: "vowels", or "openml:isolet" (7797 spoken letters by 150 people, x (n, 1, 617 measures)); there
    the parts are shared out by letter, since OpenML does not say who speaks.
    speakers: a multiple of 3, >= 15. repetitions: of each vowel by each speaker, >= 1. seed: of the voices.
    Raises ValueError for a bad source or count, OSError where a source cannot be fetched; the message names
    "vowels".
    Source: see the top of the module.
    """
    if not isinstance(source, str):
        raise wrong("source", source, "'vowels', or 'openml:isolet'", TypeError)
    speakers = check_count("speakers", speakers, 15)
    if speakers % 3:
        raise wrong("speakers", speakers, "a multiple of 3: as many men as women and children")
    if source == "vowels":
        return _vowels(speakers, check_count("repetitions", repetitions, 1), check_count("seed", seed)).copy()
    return _openml(source, check_count("seed", seed)).copy()


@functools.lru_cache(maxsize=4)
def _vowels(speakers, repetitions, seed):
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(3), speakers // 3)
    waves, labels, by = [], [], []
    for speaker, group in enumerate(groups):
        voice = rng.lognormal(0, [0.08, 0.05, 0.05, 0.05, 0.05])  # of pitch and formants, against the average
        voice[1:] *= rng.lognormal(0, 0.04)  # a longer vocal tract lowers all its resonances
        for label, word in enumerate(VOWELS):
            for _ in range(repetitions):
                waves.append(vowel(word, SPEAKERS[group], rng, voice=voice))
                labels.append(label)
                by.append(speaker)
    x, y, by = log_mel(torch.tensor(np.stack(waves))), torch.tensor(labels), np.array(by)
    chosen = [np.flatnonzero(np.isin(by, some)) for some in parts(groups, seed)]
    mean, deviation = x[chosen[0]].mean(), x[chosen[0]].std()
    order = [rng.permutation(rows) for rows in chosen]
    splits = [Split(((x[rows] - mean) / deviation).float(), y[rows]) for rows in order]
    return Data("vowels", *splits, classes=tuple(VOWELS), source="a source-filter model, Peterson and Barney 1952")


def vowel(word, speaker, rng, *, voice=1.0):
    """A quarter of a second of one vowel, float64 (2000,), at 8000 samples a second, of size about 1.

    word: a key of VOWELS. speaker: "man", "woman" or "child". rng: np.random.Generator; pitch, formants,
    loudness and noise (10 to 30 dB below the voice) differ from call to call.
    voice: factors of F0, F1, F2, F3, F4 that belong to one speaker, or one for all.
    Raises ValueError for an unknown word or speaker.
    """
    if word not in VOWELS:
        raise unknown("word", word, list(VOWELS))
    if speaker not in SPEAKERS:
        raise unknown("speaker", speaker, list(SPEAKERS))
    group = SPEAKERS.index(speaker)
    pitch, *formants = np.array([*VOWELS[word][group], _FOURTH[group]]) * voice * rng.lognormal(0, 0.03, 5)
    t = np.arange(round(RATE * SECONDS)) / RATE
    slide = rng.uniform(-0.1, 0.1)  # how far the pitch rises or falls on the way
    cycles = pitch * (t + slide * (t**2 / SECONDS - t) / 2)
    k = np.arange(1, int(RATE / 2 / (pitch * (1 + abs(slide) / 2))) + 1)
    loud = resonance(k * pitch, formants) / k
    wave = loud @ np.sin(2 * np.pi * (np.outer(k, cycles) + rng.uniform(size=(len(k), 1))))
    wave *= np.minimum(1, np.minimum(t, t[::-1]) / 0.02)  # rises and falls in 20 ms
    wave /= np.sqrt(np.mean(wave**2))
    noise = 10 ** (-rng.uniform(10, 30) / 20) * rng.standard_normal(len(t))
    return rng.uniform(0.3, 1) * (wave + noise)


def resonance(frequency, formants):
    """|H(f)| of the vocal tract, without unit: frequency (k,) in Hz, formants (4,) in Hz -> (k,)."""
    f, F = np.asarray(frequency, float)[:, None], np.asarray(formants, float)
    return np.prod(F**2 / np.sqrt((F**2 - f**2) ** 2 + (BANDWIDTHS * f) ** 2), axis=1)


def log_mel(waves):
    """The logarithm of the energy in 32 mel bands: waves (n, samples) -> (n, frames, 32), of the waves' type.

    Frames are 12.5 ms apart and 32 ms long, under a Hann window (torch.stft); energies below 1e-6 count as 1e-6.
    """
    window = torch.hann_window(WINDOW, dtype=waves.dtype, device=waves.device)
    spectrum = torch.stft(waves, WINDOW, HOP, window=window, return_complex=True).abs() ** 2
    energy = spectrum.transpose(-1, -2) @ mel_bands(WINDOW // 2 + 1).to(spectrum).T
    return torch.log(energy.clamp(min=1e-6))


def mel_bands(bins, bands=MELS):
    """Triangles on the mel scale, (bands, bins): how much of each frequency bin each band hears.

    mel(f) = 2595 log10(1 + f/700) (O'Shaughnessy 1987); the peaks stand at equal distances in mel.
    """
    top = 2595 * np.log10(1 + RATE / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, bands + 2) / 2595) - 1)
    f = np.linspace(0, RATE / 2, bins)
    up = (f - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    down = (edges[2:, None] - f) / (edges[2:] - edges[1:-1])[:, None]
    return torch.tensor(np.clip(np.minimum(up, down), 0, None))


@functools.lru_cache(maxsize=2)
def _openml(source, seed):
    features, labels = openml(source, "vowels")
    classes, y = np.unique(labels, return_inverse=True)
    if source.split(":")[1].lower() == "isolet":
        classes = [chr(ord("A") + int(float(str(c).strip("'\""))) - 1) for c in classes]
    x, y = torch.tensor(features)[:, None], torch.tensor(y.reshape(-1))
    splits = [Split(x[rows], y[rows]) for rows in parts(y.numpy(), seed)]
    return Data(source, *splits, classes=tuple(str(c) for c in classes), source="OpenML")
