"""From sparse values on edges to dense maps: matting Laplacian, KNN matting, domain transform."""
