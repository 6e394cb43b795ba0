"""Trainings on machines without internet: a folder that holds all of a training, and what runs inside it."""
