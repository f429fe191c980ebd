"""After the call the parameters of the model have no `.grad`"""


def accumulate(model, batches):
    model.zero_grad()
    total = 0.0
    for inputs, target in batches:
        total += (model(inputs) - target).square().sum().item()
    return total / sum(len(target) for _, target in batches)
