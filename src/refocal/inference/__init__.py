"""Trained networks, run from their ONNX files by ONNX Runtime."""
