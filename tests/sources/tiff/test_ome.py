"""OME-XML: what it says, and the same said of another image."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from patchmill.sources.tiff.ome import in_micrometres, ome_claims, ome_for, ome_pixel_size

NAMESPACE = "http://www.openmicroscopy.org/Schemas/OME/2016-06"

XML = f"""<?xml version="1.0" encoding="UTF-8"?>
<!-- Written by a microscope -->
<OME xmlns="{NAMESPACE}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
     xsi:schemaLocation="{NAMESPACE} {NAMESPACE}/ome.xsd" UUID="urn:uuid:1" Creator="Microscope">
  <Dataset ID="Dataset:0"><ImageRef ID="Image:1"/></Dataset>
  <Instrument ID="Instrument:0"><Objective ID="Objective:0" NominalMagnification="63.0"/></Instrument>
  <Image ID="Image:0" Name="Zellen &amp; Größe">
    <Description>First</Description>
    <InstrumentRef ID="Instrument:0"/>
    <Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SignificantBits="12" BigEndian="true"
            SizeX="48" SizeY="40" SizeC="2" SizeZ="3" SizeT="1"
            PhysicalSizeX="65" PhysicalSizeXUnit="nm" PhysicalSizeY="0.065" PhysicalSizeZ="0.3" PhysicalSizeZUnit="µm">
      <Channel ID="Channel:0:0" Name="GFP" Color="16711935" SamplesPerPixel="1"/>
      <Channel ID="Channel:0:1" Name="DAPI" SamplesPerPixel="1"/>
      <TiffData IFD="0" FirstZ="0"><UUID FileName="old.ome.tif">urn:uuid:1</UUID></TiffData>
      <TiffData IFD="1" FirstZ="1"><UUID FileName="old.ome.tif">urn:uuid:1</UUID></TiffData>
      <Plane TheC="0" TheZ="0" TheT="0" ExposureTime="0.1"/>
    </Pixels>
  </Image>
  <Image ID="Image:1"><Pixels ID="Pixels:1" DimensionOrder="XYZCT" Type="uint8"/></Image>
  <StructuredAnnotations><CommentAnnotation ID="A:0"><Value>µ-slide</Value></CommentAnnotation></StructuredAnnotations>
</OME>"""

SHAPE = (2, 3, 40, 48)
FLOAT = np.dtype(np.float32)


def local(element: ElementTree.Element) -> str:
    return element.tag.removeprefix(f"{{{NAMESPACE}}}")


def test_pixel_sizes_are_in_micrometres_whatever_their_units() -> None:
    assert ome_pixel_size(XML) == pytest.approx((0.3, 0.065, 0.065))
    assert ome_pixel_size("<OME/>") == (None, None, None)
    assert ome_pixel_size("not XML") == (None, None, None)


@pytest.mark.parametrize(
    ("size", "unit", "expected"),
    [
        ("65", "nm", 0.065),
        (2, "micron", 2.0),
        (2, "\u03bcm", 2.0),
        (2, "\\u00B5m", 2.0),
        (1, "inch", 25400.0),
        (1, "pixel", None),
        (1, "reference frame", None),
        (0, "µm", None),
        ("nan", "µm", None),
        (None, "µm", None),
        (1, None, None),
    ],
)
def test_lengths_are_converted_or_unknown(size: object, unit: object, expected: float | None) -> None:
    assert in_micrometres(size, unit) == (None if expected is None else pytest.approx(expected))


def test_everything_that_stays_true_is_said_again() -> None:
    written = ome_for(XML, "CZYX", SHAPE, FLOAT)
    assert written is not None
    assert f'xmlns="{NAMESPACE}"' in written.decode("ascii")
    assert written.endswith(b"</OME>")
    root = ElementTree.fromstring(written)
    assert [local(element) for element in root] == ["Instrument", "Image", "StructuredAnnotations"]
    assert "UUID" not in root.attrib
    image = root.find(f"{{{NAMESPACE}}}Image")
    assert image is not None
    assert image.get("Name") == "Zellen & Größe"
    pixels = image.find(f"{{{NAMESPACE}}}Pixels")
    assert pixels is not None
    assert pixels.get("Type") == "float"
    assert pixels.get("SignificantBits") is None
    assert [local(element) for element in pixels] == ["Channel", "Channel", "TiffData", "Plane"]
    data = pixels.find(f"{{{NAMESPACE}}}TiffData")
    assert data is not None
    assert (data.get("IFD"), data.get("PlaneCount"), list(data)) == ("0", "6", [])
    assert ome_pixel_size(written.decode()) == ome_pixel_size(XML)


def test_the_same_type_keeps_its_significant_bits() -> None:
    written = ome_for(XML, "CZYX", SHAPE, np.dtype(np.uint16))
    assert written is not None
    assert b'SignificantBits="12"' in written


@pytest.mark.parametrize(
    ("axes", "shape", "dtype"),
    [
        ("ZCYX", (3, 2, 40, 48), "f4"),
        ("CZYX", (2, 3, 40, 49), "f4"),
        ("CZYX", (1, 3, 40, 48), "f4"),
        ("ZYX", (3, 40, 48), "f4"),
        ("TZYX", (2, 3, 40, 48), "f4"),
        ("CZYX", (2, 3, 40, 48), "f2"),
    ],
)
def test_nothing_is_said_of_an_image_of_other_axes_shape_or_type(axes: str, shape: tuple[int, ...], dtype: str) -> None:
    assert ome_for(XML, axes, shape, np.dtype(dtype)) is None


@pytest.mark.parametrize("old", ['SizeC="2"', 'DimensionOrder="XYZCT"', "<Image "])
def test_xml_that_lacks_what_the_schema_asks_for_is_not_used(old: str) -> None:
    assert ome_for(XML.replace(old, "<Other " if old == "<Image " else "", 1), "CZYX", SHAPE, FLOAT) is None


def test_planes_and_files_are_those_that_the_xml_names() -> None:
    # 6 and 1 planes of the images, 2 places of planes, of which one begins at plane 1.
    assert ome_claims(XML) == (6 + 1 + 1 + 2, {"old.ome.tif"})
    for xml in ("", "not XML", "<OME/>"):
        assert ome_claims(xml) == (0, set())


@pytest.mark.parametrize("number", ["", "many", "1e9", "-3"])
def test_planes_that_are_no_number_are_not_counted(number: str) -> None:
    assert ome_claims(XML.replace('SizeZ="3"', f'SizeZ="{number}"', 1)).n_planes <= 10
