"""intriguing_lib: the library under the course on *Intriguing Properties of Contrastive Losses*.

Images flow one way: images -> composite -> two views -> encoder -> projection head -> loss; measuring starts again
from the encoder. Each module is one of those words. Start reading at `losses`, then `objectives` and `train`.
"""
__version__ = "0.1.0"
