"""One direction is missing: texts look for images, too."""

import torch
from torch.nn import functional as F


def contrastive_loss(image, text):
    image, text = F.normalize(image, dim=1), F.normalize(text, dim=1)
    logits = image @ text.T / 0.1
    own = torch.arange(len(image), device=image.device)
    return F.cross_entropy(logits, own)
