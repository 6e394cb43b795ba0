"""Losses: functions of images or scores that return a scalar."""
