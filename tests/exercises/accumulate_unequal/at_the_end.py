"""The gradient is right, but backward was called 1 time for 3 micro-batches"""


def accumulate(model, batches):
    model.zero_grad()
    total = sum(len(target) for _, target in batches)
    loss = sum(((model(x) - y) ** 2).sum() for x, y in batches) / total
    loss.backward()
