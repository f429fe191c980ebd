"""What the losses are tagged with: their task, their target, and what they cope with.

A script of the gallery ends with its tags, such as
``# sphinx_gallery_tags = ["regression", "numbers", "outliers"]``. Here stands what may
stand there, in the order in which the site shows it, and for each tag the words that
people type when they look for it. The words hold for every loss that has the tag: both
searches, ``ownloss list`` and the site's, find the losses by them.

    >>> from ownloss import catalogue, tags
    >>> list(tags.GROUPS)
    ['task', 'target', 'property']
    >>> tags.WORDS["outliers"]
    'robust, heavy tails, heavy-tailed errors, gross errors'
    >>> catalogue.find("huber").tags
    ('regression', 'numbers', 'outliers')
"""

__all__ = ["GROUPS", "WORDS"]

GROUPS: dict[str, dict[str, str]] = {
    "task": {
        "classification": "classifier, class probabilities",
        "regression": "predict a number, curve fitting",
        "segmentation": "pixels, medical images, semantic segmentation",
        "detection": "object detection, detector",
        "ranking": "learning to rank, sort, order",
        "embedding": "retrieval, metric learning, contrastive, similarity search",
        "language": "LLM, large language model, tokens, text, fine-tuning",
        "images": "image restoration, pixels, vision",
        "audio": "speech, sound, signals",
        "sequences": "time steps, frames, variable length",
        "generative": "generate data, generator",
        "distribution matching": "two samples, optimal transport, distance of "
        "distributions, domain adaptation",
        "building blocks": "part of a loss, layer, combine",
    },
    "target": {
        "numbers": "real-valued target, continuous target",
        "amounts": "counts, positive target, skewed target, log link",
        "classes": "class labels, categories, multiclass",
        "binary": "yes or no, binary labels, two classes",
        "multi-label": "multilabel, tagging, several labels at once",
        "grades": "ordinal, ordered classes, ratings, levels",
        "relevance": "search results, recommendation, clicks",
        "pairs": "positive pairs, similar and dissimilar",
        "preferences": "pairwise preferences, chosen and rejected, RLHF",
        "regions": "segmentation mask, overlap",
        "boxes": "bounding boxes, intersection over union, IoU",
        "distributions": "soft targets, soft labels, KL divergence, teacher, reference "
        "model",
        "rewards": "reinforcement learning, RLHF, policy gradient, advantage",
        "no target": "unsupervised, without labels, regularizer",
    },
    "property": {
        "outliers": "robust, heavy tails, heavy-tailed errors, gross errors",
        "uncertainty": "probabilistic, probabilistic forecast, predictive "
        "distribution, spread",
        "imbalance": "imbalanced data, unbalanced, rare, long tail, skewed classes",
        "small objects": "tiny objects, small lesions, few foreground pixels",
        "noisy labels": "wrong labels, label noise, mislabelled",
        "missing labels": "missing targets, incomplete, padding, padded, masked, "
        "unlabelled, ignore",
        "margin": "hinge, large margin, separation",
        "metric": "evaluation metric, score as a loss, surrogate",
        "self-supervised": "self supervision, pretraining, without labels",
        "learned parameters": "learnable, learned weights, nn.Parameter",
        "memory": "out of memory, large vocabulary, chunks",
        "by hand": "autograd.Function, custom backward, manual gradient",
        "needs SciPy": "scipy, numpy",
    },
}
"""From a group to its tags, and from a tag to the words that people type for it."""

WORDS: dict[str, str] = {
    tag: words for tags in GROUPS.values() for tag, words in tags.items()
}
"""From each tag to its words."""
