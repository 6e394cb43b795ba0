"""Propagation of sparse values to dense maps: matting Laplacian, KNN matting, domain transform, guided filter."""
