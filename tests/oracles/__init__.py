"""The specification of patchmill: slow and obvious NumPy and Python that every kernel is compared with.

Nothing here imports patchmill. Each module says what its namesake in the core does, in the fewest words that are exact;
where it and the core differ, one of them is wrong.
"""
