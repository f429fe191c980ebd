"""Only the last micro-batch is left in `.grad`"""


def accumulate(model, batches):
    total = sum(len(target) for _, target in batches)
    for inputs, target in batches:
        model.zero_grad()
        (((model(inputs) - target) ** 2).sum() / total).backward()
