"""What can go wrong with a target. See `search_spaces.errors.HwnasError` for the common form."""

from search_spaces.errors import HwnasError


class UnknownTarget(HwnasError):
    """No target of that id, or an option it does not have."""

    code = "unknown_target"
    status = 404


class TargetUnavailable(HwnasError):
    """The target exists but cannot be used on this machine, for example since its runtime is not installed."""

    code = "target_unavailable"
    status = 503


class UnsupportedLayer(HwnasError):
    """A network has a layer that the target cannot run; `facts` name it with the reason."""

    code = "unsupported_layer"
    status = 422


class UnsupportedArchitecture(HwnasError):
    """An architecture with a layer that the target does not run; `facts` name the choices with unsupported values."""

    code = "unsupported_architecture"
    status = 422


class InvalidMachine(HwnasError):
    """A board, overlay or calibration file that cannot be read, or options that an overlay's machine does not have."""

    code = "invalid_machine"


class DoesNotFit(HwnasError):
    """A network whose weights and feature maps exceed the memory of an overlay's board."""

    code = "does_not_fit"
    status = 422


class DeviceUnavailable(HwnasError):
    """A GPU that cannot be used: none there, no driver or one too old, or a build of torch without CUDA."""

    code = "device_unavailable"
    status = 503
