"""Computation graphs as plain data, and everything that reads them."""
