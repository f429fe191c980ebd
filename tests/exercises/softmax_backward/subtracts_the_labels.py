"""`gradient` raises (line 5) RuntimeError: The size of tensor a (3) must match"""


def gradient(logits, labels):
    return (logits.softmax(1) - labels) / len(labels)
