"""The gradient is 10x too large: the squares are summed"""


def accumulate(model, batches):
    model.zero_grad()
    for inputs, target in batches:
        ((model(inputs) - target) ** 2).sum().backward()
