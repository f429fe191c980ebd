"""The gradient of the keys of a contrastive loss.

Derive the gradient of this loss with respect to the keys, and return it.

    similarity = queries @ keys.T
    loss = mean over i of logsumexp(similarity[i]) - similarity[i, i]

`queries` and `keys` have shape (N, D). Key i is the right answer to query i.
"""


def gradient(queries, keys):
    raise NotImplementedError  # yours to write
