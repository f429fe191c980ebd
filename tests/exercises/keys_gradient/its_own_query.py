"""Each key gets the part of its own query alone"""


def gradient(queries, keys):
    p = (queries @ keys.T).softmax(dim=1).diag()
    return (p - 1).unsqueeze(1) * queries / queries.shape[0]
