"""From sparse values on edges to dense maps: matting Laplacian, domain transform."""
