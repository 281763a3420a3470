"""The image of a registry: all of it but the columns of bales, in files, to start from."""

from cotton_server.registry.image.files import ImageDamagedError, ImageFormatError
from cotton_server.registry.image.image import IMAGE_FORMAT, load_image, move_image, write_image

__all__ = [
    "IMAGE_FORMAT",
    "ImageDamagedError",
    "ImageFormatError",
    "load_image",
    "move_image",
    "write_image",
]
