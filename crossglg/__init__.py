"""crossglg: one-shot recognition of human actions from 3-D skeletons, guided by language (CrossGLG, ECCV 2024)."""

__version__ = "0.1.0"
