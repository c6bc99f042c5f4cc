"""Whole pulls: from the relay to the archive, durable; the relay runs on the same cores."""


def small(bench, keys):
    raise NotImplementedError


def large(bench, keys, size):
    raise NotImplementedError


def archived(bench, keys):
    raise NotImplementedError
