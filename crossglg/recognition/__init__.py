"""Recognizing one's own actions."""
