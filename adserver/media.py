"""Uploaded pictures: checked, turned upright, encoded anew, stored under a name of our own.

Nothing of the file as it was sent is kept: no metadata (a phone's photo tells where it was taken), no trailing bytes,
no SVG (it can hold scripts). Animations of GIF and WebP stay; of an animated PNG the first picture stays.
"""

import io
from hashlib import sha256
from typing import IO, Any, NamedTuple

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_safe
from django.views.static import serve
from PIL import Image, ImageCms, ImageOps, ImageSequence, UnidentifiedImageError

from accounts.models import Account
from adserver.models import EXTENSIONS, Media

MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 40_000_000
"""Over all pictures of an animation together: what has to be decoded."""
TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}
OPTIONS: dict[str, dict[str, Any]] = {
    "PNG": {"optimize": True},
    "JPEG": {"quality": 90, "optimize": True, "progressive": True, "comment": b""},
    "WEBP": {"quality": 90},
    "GIF": {"optimize": True, "comment": b""},
}
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
LOSSLESS = ("PNG", "GIF")
KINDS = "PNG, JPEG, WebP or GIF"


class Picture(NamedTuple):
    """A picture encoded anew; `type` is its MIME type."""

    data: bytes
    type: str
    width: int
    height: int

    @property
    def digest(self) -> str:
        return sha256(self.data).hexdigest()


def read(file: IO[bytes], fit: tuple[int, int] | None = None) -> Picture:
    """The picture in an uploaded file; with `fit`, at most so wide and high (px), and WebP where that is smaller, but
    for animations. Raises ValidationError in the uploader's words."""
    file.seek(0)
    data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValidationError(f"The file is larger than {MAX_BYTES // 1024 // 1024} MiB. Make the picture smaller.")
    try:
        with Image.open(io.BytesIO(data), formats=list(TYPES)) as image:
            check_pixels(image)
            return encode(image) if fit is None or animated(image) else encode_to_fit(image, fit)
    except ValidationError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise too_many_pixels() from error
    except UnidentifiedImageError as error:
        raise ValidationError(f"This is no picture that browsers show everywhere. Send {KINDS}.") from error
    except Exception as error:  # whatever a broken file makes the decoder raise, it is the file
        raise ValidationError("The picture is damaged. Save it again in your editor, and upload that.") from error


def check_pixels(image: Image.Image) -> None:
    """Asked of the header, before anything is decoded."""
    size = image.width * image.height
    if size > MAX_PIXELS or size * (getattr(image, "n_frames", 1) if animated(image) else 1) > MAX_PIXELS:
        raise too_many_pixels()


def too_many_pixels() -> ValidationError:
    return ValidationError(
        f"The picture has more than {MAX_PIXELS // 1_000_000} million pixels, all pictures of an animation together."
        " Make it smaller."
    )


def animated(image: Image.Image) -> bool:
    return image.format in ("GIF", "WEBP") and getattr(image, "is_animated", False)


def encode(image: Image.Image) -> Picture:
    format = image.format or ""
    out = io.BytesIO()
    if animated(image):
        frames = [frame.copy() for frame in ImageSequence.Iterator(image)]
        durations = [frame.info.get("duration", 100) for frame in frames]
        loop = image.info.get("loop")
        for frame in frames:
            forget(frame)
        more = {"save_all": True, "append_images": frames[1:], "duration": durations} | (
            {} if loop is None else {"loop": loop}
        )
        frames[0].save(out, format, **OPTIONS[format], **more)
        width, height = frames[0].size
    else:
        still = plain(image, format)
        still.save(out, format, **OPTIONS[format])
        width, height = still.size
    return Picture(out.getvalue(), TYPES[format], width, height)


def encode_to_fit(image: Image.Image, fit: tuple[int, int]) -> Picture:
    format = image.format or ""
    still = plain(image, format)
    see_through = "A" in still.getbands() or "transparency" in still.info
    still = still.convert("RGBA" if see_through else "RGB")
    still.thumbnail(fit, Image.Resampling.LANCZOS)
    found = []
    for one, options in ((format, OPTIONS[format]), ("WEBP", {"quality": 85, "lossless": format in LOSSLESS})):
        out = io.BytesIO()
        still.save(out, one, **options)
        found.append(Picture(out.getvalue(), TYPES[one], *still.size))
    return min(found, key=lambda picture: len(picture.data))


def plain(image: Image.Image, format: str) -> Image.Image:
    """The picture upright, in the colours of the web, without anything about it."""
    image.load()
    profile = image.info.get("icc_profile")
    upright = ImageOps.exif_transpose(image)
    if profile and upright.mode in ("RGB", "RGBA", "CMYK", "L"):
        upright = in_srgb(upright, profile)
    if format == "JPEG" and upright.mode not in ("RGB", "L"):
        upright = upright.convert("RGB")
    forget(upright)
    return upright


def in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=mode)
    except (ImageCms.PyCMSError, OSError, ValueError):  # a profile that says nothing: the colours stay as they are
        return image
    return converted or image


def forget(image: Image.Image) -> None:
    image.info = {name: value for name, value in image.info.items() if name in ("transparency", "background")}


def fill(media: Media, picture: Picture) -> None:
    """Makes `media` stand for `picture`; its file is written when it is saved."""
    media.type, media.width, media.height = picture.type, picture.width, picture.height
    media.bytes, media.sha256 = len(picture.data), picture.digest
    media.file = ContentFile(picture.data, "picture")  # named by media_path


def same(account: Account, picture: Picture) -> Media | None:
    return Media.objects.filter(account=account, sha256=picture.digest).first()


def store(
    account: Account,
    uploaded_file: IO[bytes],
    name: str = "",
    alt: str = "",
    fit: tuple[int, int] | None = None,
) -> Media:
    """The account's medium of this picture (`read`), made when new. One that is there takes a name and alt that are
    given. Raises ValidationError in the uploader's words."""
    picture = read(uploaded_file, fit)
    found = same(account, picture)
    if found is not None:
        return rename(found, name, alt)
    media = Media(account=account, name=name or "picture", alt=alt)
    fill(media, picture)
    media.full_clean()
    try:
        with transaction.atomic():
            media.save()
    except IntegrityError:  # someone uploaded the same picture at this moment
        media.file.storage.delete(str(media.file.name))
        return rename(Media.objects.get(account=account, sha256=picture.digest), name, alt)
    return media


def rename(media: Media, name: str, alt: str) -> Media:
    told = {field: value for field, value in (("name", name), ("alt", alt)) if value and getattr(media, field) != value}
    if told:
        for field, value in told.items():
            setattr(media, field, value)
        media.full_clean()
        media.save(update_fields=list(told))
    return media


HEADERS = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Access-Control-Allow-Origin": "*",
    "Cache-Control": "public, max-age=31536000, immutable",  # the name says the content
}
SERVED = {extension: type for type, extension in EXTENSIONS.items()}


@require_safe
def serve_media(request: HttpRequest, path: str) -> HttpResponseBase:
    """A stored picture, for shops without a web server or bucket for files. `path` is what the route let through:
    <account>/<name>.<extension>, so nothing else under MEDIA_ROOT is reached."""
    response = serve(request, path, document_root=settings.MEDIA_ROOT)
    for name, value in HEADERS.items():
        response[name] = value
    response["Content-Type"] = SERVED[path.rpartition(".")[2]]
    return response
