"""Checkpoints to ONNX files."""
