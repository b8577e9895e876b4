"""Arrow arrays over the memory of numpy arrays, and back.

An unknown value is NaN in numpy and null in Arrow. What has none is shown to the other side, not copied. arro3 hands
out no view of an array that has nulls; its memory is found through Arrow's C data interface, whose layout is fixed
(arrow.apache.org/docs/format/CDataInterface.html).
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_int64, c_void_p

import numpy as np
import numpy.typing as npt
from arro3.core import Array, DataType

from vain.bands import Floats, Integers

TIME = DataType.timestamp("ms", tz="UTC")
Known = npt.NDArray[np.bool_]
_BITS_PER_BYTE = 8
_VALUE_BYTES = 8


class _ArrowArray(ctypes.Structure):
    _fields_ = (
        ("length", c_int64), ("null_count", c_int64), ("offset", c_int64), ("n_buffers", c_int64),
        ("n_children", c_int64), ("buffers", POINTER(c_void_p)), ("children", c_void_p), ("dictionary", c_void_p),
        ("release", c_void_p), ("private_data", c_void_p),
    )  # fmt: skip


_pointer_in = ctypes.pythonapi.PyCapsule_GetPointer
_pointer_in.restype, _pointer_in.argtypes = c_void_p, (ctypes.py_object, ctypes.c_char_p)


def of_floats(values: Floats) -> Array:
    """The values, NaN as null. Without NaN it is their memory, else a copy."""
    values = np.ascontiguousarray(values, np.float64)
    unknown = np.isnan(values)
    if not unknown.any():
        return Array.from_buffer(values)
    # There is no constructor with a mask, but a NaN has no integer, so this cast gives nulls, and to take at one, too.
    positions = np.where(unknown, np.nan, np.arange(len(values), dtype=np.float64))
    return Array.from_buffer(values).take(Array.from_buffer(positions).cast(DataType.int64()))


def of_times(milliseconds: Integers) -> Array:
    """Unix milliseconds as moments in UTC, over the same memory."""
    return Array.from_buffer(np.ascontiguousarray(milliseconds, np.int64)).cast(TIME)


def floats_of(array: Array) -> Floats:
    """The values of an array of numbers, null as NaN. What is float64 without nulls is not copied, and not writable."""
    memory, known = _memory_of(array.cast(DataType.float64()))
    values: Floats = memory.view(np.float64)
    return values if known is None else np.where(known, values, np.nan)


def times_of(array: Array) -> tuple[Integers, Known | None]:
    """The Unix milliseconds of an array of times (without a zone: UTC), and which are known; None: all of them."""
    memory, known = _memory_of(array.cast(TIME).cast(DataType.int64()))
    return memory.view(np.int64), known


def is_number(kind: DataType) -> bool:
    """Whether values of this type are numbers, or all unknown."""
    # The stubs of arro3 take its method `bool` for the type in what these methods return.
    return bool(DataType.is_numeric(kind)) or bool(DataType.is_null(kind))


def is_time(kind: DataType) -> bool:
    """Whether values of this type are moments or dates."""
    return bool(DataType.is_timestamp(kind)) or bool(DataType.is_date(kind))


def _memory_of(array: Array) -> tuple[npt.NDArray[np.uint8], Known | None]:
    """The memory of the values, 8 bytes each, and which of them are known."""
    _, capsule = array.__arrow_c_array__()
    header = _ArrowArray.from_address(_pointer_in(capsule, b"arrow_array"))
    count, offset = header.length, header.offset
    if not count:
        return np.empty(0, np.uint8), None
    values = _view(header.buffers[1], (offset + count) * _VALUE_BYTES, capsule)[offset * _VALUE_BYTES :]
    if not array.null_count:
        return values, None
    bits = _view(header.buffers[0], -(-(offset + count) // _BITS_PER_BYTE), capsule)
    return values, np.unpackbits(bits, bitorder="little")[offset : offset + count].astype(np.bool_)


def _view(address: int, size: int, owner: object) -> npt.NDArray[np.uint8]:
    memory = (ctypes.c_uint8 * size).from_address(address)
    # The capsule gives the memory back when it is collected: every view of the memory keeps it.
    memory.owner = owner  # type: ignore[attr-defined]  # ctypes objects take attributes
    view = np.frombuffer(memoryview(memory), np.uint8)
    view.flags.writeable = False
    return view
