"""Defocus blur: kernels, blur operators with exact adjoints, thin-lens geometry, rendering with depth."""
