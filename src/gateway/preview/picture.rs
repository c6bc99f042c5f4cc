//! Pictures: decoded within limits, scaled down, and encoded anew.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::limits;
use super::shown::Refusal;

/// The formats that are decoded.
pub(super) const FORMATS: [ImageFormat; 5] =
    [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::WebP, ImageFormat::Bmp];

/// Paints a picture as a PNG that fits on a page. What moves shows its first picture.
pub(super) fn paint(bytes: &[u8], format: ImageFormat) -> Result<Vec<u8>, Refusal> {
    let mut allowed = Limits::default();
    (allowed.max_image_width, allowed.max_image_height) = (Some(limits::SIDE), Some(limits::SIDE));
    allowed.max_alloc = Some(limits::DECODING);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(allowed);
    let mut decoder = reader.into_decoder().map_err(|error| refusal(&error))?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > limits::PIXELS {
        return Err(Refusal::TooLarge);
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder).map_err(|error| refusal(&error))?;
    if image.width() > limits::WIDTH || image.height() > limits::HEIGHT {
        image = image.thumbnail(limits::WIDTH, limits::HEIGHT);
    }
    image.apply_orientation(orientation);
    png(&image)
}

/// Eight bits a colour and nothing beside the colours.
fn png(image: &DynamicImage) -> Result<Vec<u8>, Refusal> {
    let mut encoded = Cursor::new(Vec::new());
    let written = if image.color().has_alpha() {
        image.to_rgba8().write_to(&mut encoded, ImageFormat::Png)
    } else {
        image.to_rgb8().write_to(&mut encoded, ImageFormat::Png)
    };
    written.map_err(|_| Refusal::Stopped)?;
    Ok(encoded.into_inner())
}

fn refusal(error: &image::ImageError) -> Refusal {
    match error {
        image::ImageError::Limits(_) => Refusal::TooLarge,
        _ => Refusal::Damaged,
    }
}
