"""The second term is missing"""


def gradient(queries, keys):
    p = (queries @ keys.T).softmax(1)
    return p.T @ queries / len(queries)
