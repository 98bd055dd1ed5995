"""What to say when a device has too little memory: what would fit."""

from __future__ import annotations

import torch

from patchmill.errors import OutOfMemoryError

__all__ = ["is_out_of_memory", "too_little_memory"]

MIN_SIZE = 8
"""The least size of a patch along an axis that is proposed."""


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that memory is full: torch's allocator for the CPU says so in words alone."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return any(words in str(error) for words in ("DefaultCPUAllocator", "not enough memory", "out of memory"))


def too_little_memory(
    model: torch.nn.Module, shape: tuple[int, ...], device: torch.device, *, factor: int, may_try: bool
) -> OutOfMemoryError:
    """Make the error that proposes a batch that fits, and smaller patches if no batch does.

    Call it when nothing holds the tensors of the failed step any more.

    Parameters
    ----------
    model : Module
        The network; it stays as it is.
    shape : tuple of int
        That of the input that did not fit, (B, C, [Z,] Y, X).
    device : torch.device
        Where.
    factor : int
        What the sizes of patches must be multiples of.
    may_try : bool
        Whether smaller batches can be tried out. Otherwise half of the batch is proposed.
    """
    n_patches, n_channels, *size = shape
    tried = _smaller(n_patches, size, factor)
    fitting = next((one for one in tried if not may_try or _fits(model, (one[0], n_channels, *one[1]), device)), None)
    if fitting is None:
        advice = "No smaller batch fits. Use a smaller network (depth, num_channels_init)"
    elif fitting[1] == size:
        n_batches = -(-n_patches // fitting[0])
        advice = f"A batch_size of {fitting[0]} {'fits' if may_try else 'may fit'}"
        advice += f", with accumulate_grad_batches={n_batches} for the same steps"
    else:
        advice = f"A batch_size of {fitting[0]} with a patch_size of {fitting[1]} {'fits' if may_try else 'may fit'}"
    msg = (
        f"Batch: expected {n_patches} patches of {size} pixels to fit into the memory of the device {str(device)!r}, "
        f"got too little of it. {advice}."
    )
    return OutOfMemoryError(msg)


def _smaller(n_patches: int, size: list[int], factor: int) -> list[tuple[int, list[int]]]:
    """List smaller batches, and then smaller patches, largest first."""
    found, size = [], list(size)
    while n_patches > 1:
        n_patches //= 2
        found.append((n_patches, list(size)))
    while True:
        axis = max(range(len(size)), key=lambda axis: size[axis])
        size[axis] = size[axis] // 2 // factor * factor
        if size[axis] < max(MIN_SIZE, factor):
            return found
        found.append((1, list(size)))


def _fits(model: torch.nn.Module, shape: tuple[int, ...], device: torch.device) -> bool:
    """Try a step with a batch of zeros, and leave the network as it was."""
    buffers = [buffer.clone() for buffer in model.buffers()]
    try:
        torch.autograd.backward(model(torch.zeros(shape, device=device)).square().mean())
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return False
    finally:
        model.zero_grad(set_to_none=True)
        for buffer, before in zip(model.buffers(), buffers, strict=True):
            buffer.copy_(before)
        if device.type == "cuda":
            torch.cuda.empty_cache()
    return True
