"""Packed crops to train on."""
