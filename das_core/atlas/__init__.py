"""An atlas of the units of a network, and the page of pictures that shows it, or the results of a sweep."""
