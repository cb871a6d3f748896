"""Every figure of the course, by kind; notebooks say `figures.show(figures.accuracies(...), alt=...)`."""
from intriguing_lib.figures.boards import board
from intriguing_lib.figures.comparisons import accuracies, losses_around_mean, spread_by_depth
from intriguing_lib.figures.distributions import clouds, densities, pairings
from intriguing_lib.figures.forest import forest
from intriguing_lib.figures.images import pictures
from intriguing_lib.figures.live import LiveLoss, sliders
from intriguing_lib.figures.pairs import film, pairs_on_a_circle, pairs_on_a_sphere
from intriguing_lib.figures.regions import recoloured, similar_cells
from intriguing_lib.figures.representations import cumulative_shares, label_maps, similarity_matrices, spectra
from intriguing_lib.figures.scenes import crops_above_curves
from intriguing_lib.figures.style import GUESS, HERE, show, spoken, use_style
from intriguing_lib.figures.sweeps import curves, heat_maps

__all__ = [
    "GUESS", "HERE", "LiveLoss", "accuracies", "board", "clouds", "crops_above_curves", "cumulative_shares", "curves",
    "densities", "film", "forest", "heat_maps", "label_maps", "losses_around_mean", "pairings", "pairs_on_a_circle",
    "pairs_on_a_sphere", "pictures", "recoloured", "show", "similar_cells", "similarity_matrices", "sliders", "spectra",
    "spoken", "spread_by_depth", "use_style",
]
