"""The mean below the fraction line is held fixed"""


def gradient(load):
    m = load.mean()
    return (load - m) * 2 / len(load) / m.square()
