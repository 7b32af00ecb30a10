import io
import struct
import zlib
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image, ImageCms

from adserver import media
from adserver.forms import MediaForm
from adserver.models import Media
from tests.adserver.offers import make_campaign
from tests.shops import make_account

RED = (200, 10, 10)


@pytest.fixture(autouse=True)
def _own_folder(settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path)


def picture(format="PNG", size=(60, 40), mode="RGB", color=RED, **options):
    out = io.BytesIO()
    Image.new(mode, size, color).save(out, format, **options)
    return out.getvalue()


def animation(format, frames=3, size=(20, 10)):
    out = io.BytesIO()
    some = [Image.new("RGB", size, (80 * n, 0, 0)) for n in range(frames)]
    some[0].save(out, format, save_all=True, append_images=some[1:], duration=[50, 70, 90][:frames], loop=0)
    return out.getvalue()


def upload(data, name="photo.png"):
    return SimpleUploadedFile(name, data, "image/png")


def stored(account, data, **more):
    return media.store(account, upload(data), **more)


def opened(row):
    image = Image.open(io.BytesIO(Path(row.file.path).read_bytes()))
    image.load()
    return image


def header_only(width, height):
    """A PNG whose header claims a size that its few bytes do not hold."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


# --- what is stored ---


@pytest.mark.parametrize(
    ("format", "type", "extension"),
    [
        ("PNG", "image/png", "png"),
        ("JPEG", "image/jpeg", "jpg"),
        ("WEBP", "image/webp", "webp"),
        ("GIF", "image/gif", "gif"),
    ],
)
def test_the_four_formats_of_the_web_are_taken(format, type, extension, account):
    row = stored(account, picture(format), name="Hero", alt="A red square")
    assert (row.type, row.width, row.height, row.name, row.alt) == (type, 60, 40, "Hero", "A red square")
    assert row.file.name == f"{account.pk}/{row.sha256}.{extension}"
    assert row.bytes == row.file.size
    assert opened(row).format == format


def test_the_content_decides_not_the_name(account):
    row = media.store(account, upload(picture("JPEG"), "../../evil.php.png"))
    assert row.file.name.endswith(f"{row.sha256}.jpg")
    assert row.name == "picture"


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "PNG"])
def test_nothing_about_the_photo_is_kept(format, account):
    exif = Image.Exif()
    exif[0x010F] = "CAMERA-MAKER"
    exif.get_ifd(0x8825)[1] = "N"
    data = picture(format, exif=exif, **({"comment": b"CAMERA-MAKER"} if format == "JPEG" else {}))
    row = stored(account, data + b"<?php CAMERA-MAKER ?>")
    assert b"CAMERA-MAKER" in data
    assert b"CAMERA-MAKER" not in Path(row.file.path).read_bytes()
    assert not opened(row).getexif()


def test_a_photo_is_turned_upright(account):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    row = stored(account, picture("JPEG", exif=exif))
    assert (row.width, row.height) == (40, 60)


def test_the_colours_of_a_profile_become_those_of_the_web(account):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for each in (profile, srgb, b"nonsense"):
        image = opened(stored(account, picture("PNG", icc_profile=each)))
        assert "icc_profile" not in image.info
        assert image.getpixel((0, 0)) == pytest.approx(RED, abs=2)


@pytest.mark.parametrize(("mode", "color"), [("CMYK", (0, 200, 200, 20)), ("L", 40)])
def test_print_and_grey_pictures_are_taken(mode, color, account):
    assert opened(stored(account, picture("JPEG", mode=mode, color=color))).mode in ("RGB", "L")


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_what_shows_through_stays_so(format, account):
    image = opened(stored(account, picture(format, mode="RGBA", color=(200, 10, 10, 0))))
    assert image.convert("RGBA").getpixel((0, 0))[3] == 0


@pytest.mark.parametrize("format", ["GIF", "WEBP"])
def test_an_animation_stays_one(format, account):
    row = stored(account, animation(format))
    image = opened(row)
    assert (image.n_frames, image.info["loop"]) == (3, 0)
    durations = []
    for frame in range(3):
        image.seek(frame)
        image.load()
        durations.append(image.info["duration"])
    assert durations == [50, 70, 90]


# --- what is refused ---


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b"<html><script>alert(1)</script></html>",
        b"%PDF-1.4",
        b"GIF89a",
        b"\x89PNG\r\n\x1a\n",
        picture("PNG")[:60],
        picture("JPEG")[:200],
        picture("WEBP")[:40],
        picture("BMP"),
        picture("TIFF"),
        picture("ICO"),
    ],
)
def test_what_is_no_whole_picture_of_the_four_is_refused(data, account):
    with pytest.raises(ValidationError, match="picture"):
        stored(account, data)
    assert not Media.objects.exists()


@pytest.mark.parametrize("size", [(8000, 5001), (20_000, 20_000), (2**31 - 1, 2**31 - 1), (40_000_001, 1)])
def test_a_bomb_is_refused_by_its_header(size, account):
    with pytest.raises(ValidationError, match="40 million pixels"):
        stored(account, header_only(*size))


def test_a_bomb_of_many_pictures_is_refused(account, monkeypatch):
    monkeypatch.setattr(media, "MAX_PIXELS", 500)
    with pytest.raises(ValidationError, match="animation"):
        stored(account, animation("GIF"))


def test_a_bomb_of_text_is_refused(account):
    text = zlib.compress(b"0" * 100_000_000)
    kind = b"zTXt"
    body = b"k\0\0" + text
    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    good = picture()
    with pytest.raises(ValidationError):
        stored(account, good[:33] + chunk + good[33:])


def test_a_large_file_is_refused(account):
    with pytest.raises(ValidationError, match="10 MiB"):
        stored(account, picture() + b"\0" * media.MAX_BYTES)


# --- once per account ---


def test_the_same_picture_is_stored_once(account):
    first, second = stored(account, picture()), stored(account, picture(), name="Hero", alt="Red")
    assert (first.pk, second.name, second.alt) == (second.pk, "Hero", "Red")
    assert len(list(Path(first.file.path).parent.iterdir())) == 1


def test_two_accounts_keep_their_own(account):
    first, second = stored(account, picture()), stored(make_account("other"), picture())
    assert first.pk != second.pk
    assert first.file.path != second.file.path


def test_the_file_goes_with_the_row(account, django_capture_on_commit_callbacks):
    path = Path((row := stored(account, picture())).file.path)
    with django_capture_on_commit_callbacks(execute=True):
        row.delete()
    assert not path.exists()


def noise(size, format):
    out = io.BytesIO()
    Image.effect_noise(size, 40).convert("RGB").save(out, format)
    return out.getvalue()


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_picture_is_fitted_and_becomes_webp_where_that_is_smaller(format, account):
    row = stored(account, noise((800, 400), format), fit=(300, 300))
    assert (row.width, row.height) == (300, 150)
    assert opened(row).size == (300, 150)
    assert row.type == "image/webp" or row.bytes < 300 * 150


def test_a_small_picture_is_not_made_larger(account):
    assert stored(account, picture(size=(60, 40)), fit=(300, 300)).width == 60


def test_what_shows_through_stays_so_when_fitted(account):
    row = stored(account, picture(mode="RGBA", color=(255, 0, 0, 10), size=(600, 600)), fit=(300, 300))
    assert opened(row).convert("RGBA").getpixel((5, 5))[3] == 10


def test_an_animation_is_not_fitted(account):
    row = stored(account, animation("GIF"), fit=(5, 5))
    assert (row.width, row.type) == (20, "image/gif")


# --- the panel's form ---


def form_of(account, data=None, instance=None, **fields):
    own = type("Own", (MediaForm,), {"account": account})
    return own(fields, {"file": upload(data)} if data is not None else {}, instance=instance)


def test_the_form_stores_the_picture(account):
    form = form_of(account, picture("JPEG"), alt="Red")
    assert form.is_valid(), form.errors
    row = form.save()
    assert (row.account, row.name, row.alt, row.type) == (account, "photo.png", "Red", "image/jpeg")
    assert row.file.name == f"{account.pk}/{row.sha256}.jpg"


def test_the_form_tells_beside_the_file_what_is_wrong(account):
    assert form_of(account, b"<svg></svg>").errors.keys() == {"file"}
    assert form_of(account).errors.keys() == {"file"}


def test_the_form_names_the_picture_that_is_there(account):
    stored(account, picture(), name="Hero")
    assert "“Hero”" in str(form_of(account, picture()).errors["file"])


def test_the_form_changes_name_and_text_and_keeps_the_file(account):
    row = stored(account, picture(), name="Hero")
    form = form_of(account, instance=row, name="New", alt="Text")
    assert form.is_valid(), form.errors
    form.save()
    after = Media.objects.get()
    assert (after.name, after.alt, after.file.name, after.sha256) == ("New", "Text", row.file.name, row.sha256)


# --- served ---


def test_it_is_served_so_that_nothing_in_it_can_run(account):
    row = stored(account, picture())
    response = Client().get(row.file.url)
    assert b"".join(response.streaming_content) == Path(row.file.path).read_bytes()
    assert response["Content-Type"] == "image/png"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert "immutable" in response["Cache-Control"]
    assert not response.cookies


def test_nothing_else_of_the_folder_is_served(account, tmp_path):
    own = tmp_path / str(account.pk)
    own.mkdir()
    for name in ("secret.html", "x.png", f"{'0' * 64}.svg", f"{'0' * 64}.html"):
        (own / name).write_text("secret")
        assert Client().get(f"/media/{account.pk}/{name}").status_code == 404
    (tmp_path / "secret.png").write_text("secret")
    for path in ("", f"{account.pk}/", f"{account.pk}/../secret.png", "secret.png", f"{account.pk}/%2e%2e/secret.png"):
        assert Client().get(f"/media/{path}").status_code == 404


def test_a_campaign_shows_it_exactly_so(account, api, shop):
    row = stored(account, picture(), alt="20% off")
    make_campaign(account).creatives.update(type="image", media=row, content={"ignored": 1})
    element = api("/campaigns/query", shop.event())[1]["campaigns"][0]
    src = f"http://127.0.0.1:8000/media/{account.pk}/{row.sha256}.png"
    assert element["content"] == {"src": src, "alt": "20% off", "width": 60, "height": 40}
