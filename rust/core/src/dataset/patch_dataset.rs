//! The patch dataset: an item is a pure function of seed, epoch and number.

use super::{BatchBuffers, ItemBuffers};
use crate::error::{Error, Result};
use crate::patching::{Plan, Region};
use crate::random::{Purpose, Stream};
use crate::sources::{Image, Readahead};
use crate::transforms::{Affine, Ahead, Augmentation, N2vManipulate, Orientation, Strip, crop_into};

/// An item to make: its number in the plan, and the epoch it is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// The number.
    pub index: u64,
    /// The epoch.
    pub epoch: u64,
}

/// The random parameters of an item, but for its masked pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ItemDraw {
    /// Where the patch lies.
    pub region: Region,
    /// How it is laid down.
    pub orientation: Orientation,
}

/// What an item has beside its patch.
#[derive(Debug, Clone)]
pub enum Paired {
    /// Nothing: `(patch,)`.
    Nothing,
    /// The same region of a target image: `(input, target)`.
    Targets(Vec<Image>, Vec<Affine>),
    /// Its own masking: `(masked, original, mask)`.
    Masks(N2vManipulate),
}

/// Images, the plan of their patches, and what is done to each.
#[derive(Debug)]
pub struct PatchDataset {
    inputs: Vec<Image>,
    /// The plan's numbers of the images, in rising order, where they are not all of them.
    numbers: Option<Vec<usize>>,
    /// Whether the images are all of the plan's.
    holds_all: bool,
    affines: Vec<Affine>,
    paired: Paired,
    plan: Plan,
    augmentation: Augmentation,
    fixed_epoch: Option<u64>,
    readahead: Readahead,
}

impl PatchDataset {
    /// A dataset of the plan's patches of `inputs`, normalised by an affine per channel. With a `fixed_epoch`, every
    /// epoch is that one: validation sees the same masks each time.
    ///
    /// Where the images are only some of the plan's, `numbers` says which, in rising order. Only items of theirs can
    /// be made.
    ///
    /// # Errors
    ///
    /// If images and targets differ in number, samples or size, if channels differ, or if there are not as many
    /// affines as channels.
    ///
    /// # Panics
    ///
    /// If there are not as many numbers as images, or they do not rise.
    pub fn new(
        inputs: Vec<Image>,
        numbers: Option<Vec<usize>>,
        affines: Vec<Affine>,
        paired: Paired,
        plan: Plan,
        augmentation: Augmentation,
        fixed_epoch: Option<u64>,
    ) -> Result<Self> {
        check_channels(&inputs, &affines)?;
        if let Paired::Targets(targets, target_affines) = &paired {
            check_channels(targets, target_affines)?;
            check_pairs(&inputs, targets)?;
        }
        if let Some(numbers) = &numbers {
            assert!(numbers.len() == inputs.len() && numbers.is_sorted_by(|a, b| a < b));
        }
        let holds_all = numbers.is_none() && plan.n_images() <= inputs.len();
        let readahead = Readahead::default();
        Ok(Self { inputs, numbers, holds_all, affines, paired, plan, augmentation, fixed_epoch, readahead })
    }

    /// Whether the pixels that an item is cut from are among the dataset's.
    pub fn holds(&self, seed: u64, item: Item) -> bool {
        // To draw an item costs as much as all that is done to begin it.
        self.holds_all || self.find(self.draw_item(seed, item).region.image).is_some()
    }

    /// Whether the region of a draw lies within one of the dataset's images, and its patch can be laid down so.
    pub fn can_make(&self, draw: &ItemDraw) -> bool {
        let Region { image, sample, origin } = draw.region;
        let patch = self.patch_size();
        self.find(image).is_some_and(|place| {
            let image = &self.inputs[place];
            let (n_samples, size) = (image.n_samples(), image.size());
            let fits = |axis: usize| origin[axis].checked_add(patch[axis]).is_some_and(|end| end <= size[axis]);
            sample < n_samples && (0..3).all(fits) && (!draw.orientation.transpose || patch[1] == patch[2])
        })
    }

    /// The place of one of the plan's images among the dataset's.
    fn place(&self, image: usize) -> usize {
        self.find(image).expect("the image is one of the dataset's")
    }

    /// The same, if it has one.
    fn find(&self, image: usize) -> Option<usize> {
        match &self.numbers {
            None => (image < self.inputs.len()).then_some(image),
            Some(numbers) => numbers.binary_search(&image).ok(),
        }
    }

    /// The number of items in an epoch.
    pub fn n_items(&self) -> u64 {
        self.plan.n_items()
    }

    /// The size of the patches along Z, Y and X.
    pub fn patch_size(&self) -> [usize; 3] {
        self.plan.patch_size()
    }

    /// The number of channels of the patches.
    pub fn n_channels(&self) -> usize {
        self.affines.len()
    }

    /// The number of floats of an item's patch, and of its target's.
    pub(super) fn n_floats(&self) -> (usize, usize) {
        let n_pixels = self.patch_size().iter().product::<usize>();
        (n_pixels * self.n_channels(), n_pixels * self.n_target_channels())
    }

    fn n_target_channels(&self) -> usize {
        match &self.paired {
            Paired::Targets(_, affines) => affines.len(),
            Paired::Nothing | Paired::Masks(_) => 0,
        }
    }

    /// Whether the pages of the images must be asked for.
    pub(super) fn readahead(&self) -> &Readahead {
        &self.readahead
    }

    /// What an item has beside its patch.
    pub fn paired(&self) -> &Paired {
        &self.paired
    }

    /// Draws the region and the orientation of an item.
    pub fn draw_item(&self, seed: u64, item: Item) -> ItemDraw {
        let epoch = self.epoch(item);
        let [_, height, width] = self.patch_size();
        ItemDraw {
            region: self.plan.region(seed, epoch, item.index),
            orientation: self.augmentation.draw_orientation(seed, epoch, item.index, height == width),
        }
    }

    /// The number of planes that are cut for an item.
    pub(super) fn n_planes(&self) -> usize {
        (self.n_channels() + self.n_target_channels()) * self.patch_size()[0]
    }

    /// One of these planes, in the order in which they are cut, and where it will be laid down.
    pub(super) fn strip(&self, draw: &ItemDraw, buffers: BatchBuffers, plane: usize) -> Strip {
        let (size, region) = (self.patch_size(), &draw.region);
        let n_input_planes = self.n_channels() * size[0];
        let image = self.place(region.image);
        let of = |images: &[Image], plane, out| Strip::of(&images[image], region, size, plane, out);
        match (&self.paired, buffers) {
            (Paired::Targets(targets, _), BatchBuffers::Pair { target, .. }) if plane >= n_input_planes => {
                of(targets, plane - n_input_planes, target)
            }
            (
                _,
                BatchBuffers::Patch(out)
                | BatchBuffers::Pair { input: out, .. }
                | BatchBuffers::Masked { original: out, .. },
            ) => of(&self.inputs, plane, out),
        }
    }

    /// Makes an item as it was drawn.
    ///
    /// # Panics
    ///
    /// If the buffers are not those of this dataset's items.
    pub fn item_into(&self, seed: u64, item: Item, draw: ItemDraw, buffers: ItemBuffers<'_>, ahead: &mut Ahead<'_>) {
        let ItemDraw { region, orientation } = draw;
        let size = self.patch_size();
        let image = self.place(region.image);
        let mut crop = |images: &[Image], affines: &[Affine], out: &mut [f32]| {
            crop_into(&images[image], &region, size, orientation, affines, out, ahead);
        };
        match (&self.paired, buffers) {
            (Paired::Nothing, ItemBuffers::Patch(patch)) => crop(&self.inputs, &self.affines, patch),
            (Paired::Targets(targets, target_affines), ItemBuffers::Pair { input, target }) => {
                crop(&self.inputs, &self.affines, input);
                crop(targets, target_affines, target);
            }
            (Paired::Masks(manipulate), ItemBuffers::Masked { masked, original, mask }) => {
                crop(&self.inputs, &self.affines, original);
                let stream = Stream::new(seed, Purpose::Mask, self.epoch(item), item.index);
                manipulate.manipulate_into(original, size, &stream, masked, mask);
            }
            (_, buffers) => panic!("buffers of another kind of item: {buffers:?}"),
        }
    }

    fn epoch(&self, item: Item) -> u64 {
        self.fixed_epoch.unwrap_or(item.epoch)
    }
}

fn check_channels(images: &[Image], affines: &[Affine]) -> Result<()> {
    match images.iter().find(|image| image.n_channels() != affines.len()) {
        None => Ok(()),
        Some(image) => Err(Error::Mismatch {
            image: image.name().into(),
            expected: format!("{} channels, one for each mean and standard deviation", affines.len()),
            got: image.n_channels().to_string(),
            remedy: "Give one mean and one standard deviation per channel, and images with the same channels.",
        }),
    }
}

fn check_pairs(inputs: &[Image], targets: &[Image]) -> Result<()> {
    if inputs.len() != targets.len() {
        return Err(Error::Mismatch {
            image: "targets".into(),
            expected: format!("{} images, one for each input", inputs.len()),
            got: targets.len().to_string(),
            remedy: "Give every input a target.",
        });
    }
    for (input, target) in inputs.iter().zip(targets) {
        let shape = |image: &Image| format!("{} samples of {:?} (Z, Y, X)", image.n_samples(), image.size());
        if shape(input) != shape(target) {
            return Err(Error::Mismatch {
                image: target.name().into(),
                expected: format!("{}, as in {}", shape(input), input.name()),
                got: shape(target),
                remedy: "An input and its target cover the same pixels.",
            });
        }
    }
    Ok(())
}
