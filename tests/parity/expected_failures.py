"""Which tests of CAREamics 0.1.0 are run, and which of them fail with patchmill, and why."""

FILES = (
    # Without those of PN2V, HDN and MicroSplit, and of the drafts of the next version.
    "config/algorithms/test_care_algorithm_config.py",
    "config/algorithms/test_n2*.py",
    "config/architectures/test_unet_config.py",
    "config/augmentations/test_*.py",
    "config/data/test_*.py",
    "config/lightning/**/test_*.py",
    "config/support/test_*.py",
    "config/test_*.py",
    "config/utils/test_*.py",
    "config/validators/test_*.py",
    "dataset/test_*.py",
    "dataset/dataset_utils/test_*.py",
    "dataset/patching/test_*.py",
    "dataset/tiling/test_collate_tiles.py",
    "dataset/tiling/test_tiled_patching.py",
    "file_io/**/test_*.py",
    "lightning/test_predict_data_module.py",
    "lightning/test_train_data_module.py",
    "prediction_utils/test_prediction_outputs.py",
    "prediction_utils/test_stitch_prediction.py",
    "transforms/test_*.py",
    "utils/test_reshape_array.py",
)

_PRIVATE = "of a private function that patchmill does not have; tests/parity compares what comes out"
_NO_SEED = "gives a transform's configuration a seed: there is one, that of the data"
_GENERATOR = "expects the numbers that NumPy's generator draws for a seed; test_orientations.py compares distributions"
_MASKING_IN_ALGORITHM = "sets algorithm_config.n2v_config: the masking is the last of data_config.transforms"
_TILE_IN_TUPLE = "expects ((tile,), TileInformation): items are (tile, TileInformation)"
_ALGORITHM_ALONE = "checks the algorithm alone: Configuration checks the model with the algorithm and the data"
_LENGTHS = "gives two lengths of a training, or none: num_epochs is the one that counts, and is needed"

_OTHER_ARGUMENTS = "calls a function whose like in patchmill has other arguments: see docs/careamics.md"
_EMPTY = "an experiment may have an empty name"
_MASK_OF_CHANGES = "expects the mask to be of the pixels that changed: it is of those that were chosen"

EXPECTED_FAILURES: dict[str, str] = {
    "config/algorithms/test_*::test_no_n2v2": _ALGORITHM_ALONE,
    "config/algorithms/test_n2*::test_no_final_activation": _ALGORITHM_ALONE,
    "config/algorithms/test_n2v_algorithm_config.py::test_n_channels_n2v": _ALGORITHM_ALONE,
    "config/algorithms/test_n2v_algorithm_config.py::test_set_n2v_strategy": _MASKING_IN_ALGORITHM,
    "config/algorithms/test_n2v_preprocessing.py::test_correct_transform_parameters": _MASKING_IN_ALGORITHM,
    "config/algorithms/test_n2v_preprocessing.py::test_set_struct_mask*": _MASKING_IN_ALGORITHM,
    "config/architectures/test_unet_config.py::test_activations": "no ELU",
    "config/architectures/test_unet_config.py::test_architecture_missing": "the architecture has a default",
    "config/architectures/test_unet_config.py::test_instantiation": "gives a field that the model does not have",
    "config/architectures/test_unet_config.py::test_model_dump": "dumps hold the name, too",
    "config/augmentations/test_*::test_comptatibility_with_transform": "dumps hold the name of the transform, too",
    "config/data/test_data_config.py::test_no_shuffle_in_train_dataloader_params": "shuffle is True if it is not given",
    "config/data/test_data_config.py::test_wrong_patch_size[[]patch_size[23]]": "sizes need be no powers of two",
    "config/data/test_tile_information.py::test_error_*": "only datasets make them: nothing is checked",
    "config/lightning/test_optimizer_configs.py::test_*_parameters*": "unknown arguments are errors",
    "config/lightning/test_optimizer_configs.py::test_scheduler_missing_parameter": "text of a number becomes one",
    "config/lightning/test_optimizer_configs.py::test_sgd_missing_parameter": "SGD has a learning rate by default",
    "config/support/test_supported_data.py::test_extension_*": _PRIVATE,
    "config/test_configuration.py::test_3D_*": "a model that does not fit the axes is an error",
    "config/test_configuration.py::test_invalid_names[[]]": _EMPTY,
    "config/test_configuration.py::test_invalid_names[[]   ]": _EMPTY,
    "config/test_configuration_factories.py::test_*_limit_train_batches": "num_steps is a number, and no share",
    "config/test_configuration_factories.py::test_*_n_channels": "independent channels: as many outputs for each input",
    "config/test_configuration_factories.py::test_*_trainer_params_none": _LENGTHS,
    "config/test_configuration_factories.py::test_*_trainer_params_override": _LENGTHS,
    "config/test_configuration_factories.py::test_n2v_configuration_empty_trainer_params": _LENGTHS,
    "config/test_configuration_factories.py::test_n2v_configuration_num_epochs": _LENGTHS,
    "config/test_configuration_factories.py::test_n2v_configuration_trainer_params": "a precision of 16 is '16-mixed'",
    "config/support/test_supported_optimizers.py::test_schedulers_exist": "WarmupCosine is not one of torch's",
    "config/test_configuration_factories.py::test_careamics_config_n2v": _MASKING_IN_ALGORITHM,
    "config/test_configuration_factories.py::test_n2v_configuration_n2v2_structn2v": _MASKING_IN_ALGORITHM,
    "config/test_configuration_factories.py::test_n2v_configuration_no_aug": _MASKING_IN_ALGORITHM,
    "config/test_configuration_factories.py::test_checkpoint_model_save_top_k_edge_cases": "more than 100 are no error",
    "config/test_configuration_factories.py::test_create_*": _PRIVATE,
    "config/test_configuration_factories.py::test_list_aug_*": _PRIVATE,
    "config/test_configuration_factories.py::test_model_creation": _PRIVATE,
    "config/test_configuration_factories.py::test_supervised_configuration_*": _PRIVATE,
    "config/test_configuration_factories.py::test_microsplit_configuration": "no MicroSplit",
    "config/test_configuration_factories.py::test_pn2v_configuration": "no PN2V",
    "config/validators/test_axes_validators.py::test_check_axes_validity[[]YZCXT-False]": "Y and X may be apart",
    "config/validators/test_axes_validators.py::test_check_axes_validity[[]YZX-False]": "Y and X may be apart",
    "config/validators/test_axes_validators.py::test_check_czi_axes_validity*": "no CZI",
    "config/validators/test_model_validators.py::*": _PRIVATE,
    "config/validators/test_validator_utils.py::*": _PRIVATE,
    "dataset/dataset_utils/test_compute_normalization_stats.py::*": _OTHER_ARGUMENTS,
    "dataset/dataset_utils/test_list_files.py::test_get_files_size_tiff": _OTHER_ARGUMENTS,
    "dataset/dataset_utils/test_list_files.py::test_validate_source_target_files*": _OTHER_ARGUMENTS,
    "dataset/patching/test_*": _PRIVATE,
    "dataset/test_in_memory_dataset.py::test_extracting_val_array*": "asks for the array of all patches",
    "dataset/test_in_memory_dataset.py::test_extracting_val_files*": "gives paths with the data type 'array'",
    "dataset/test_in_memory_dataset.py::test_number_of_patches": "asks for the array of all patches",
    "dataset/test_in_memory_tiled_pred_dataset.py::*": _TILE_IN_TUPLE,
    "dataset/test_iterable_tiled_pred_dataset.py::*": _TILE_IN_TUPLE,
    "dataset/tiling/test_*": _PRIVATE,
    "file_io/*::test_get_*": "there is one function to get",
    "file_io/read/test_read_tiff.py::test_read_tiff_invalid": "the error is an OSError, and no ValueError",
    "file_io/write/test_write_tiff.py::*": _OTHER_ARGUMENTS,
    "lightning/test_train_data_module.py::test_wrapper_supervised_n2v_throws_error": "the error comes with setup",
    "lightning/test_train_data_module.py::test_wrapper_train_array": "of 4 that overlap, none is left to train on",
    "prediction_utils/test_prediction_outputs.py::test_convert_outputs_tiled*": "gets its tiles from extract_tiles",
    "prediction_utils/test_stitch_prediction.py::*": "gets its tiles from extract_tiles",
    "transforms/test_compose.py::test_compose_*": _NO_SEED,
    "transforms/test_compose.py::test_random_composition*": _NO_SEED,
    "transforms/test_manipulate_n2v.py::test_manipulate_n2v[[]median]": _MASK_OF_CHANGES,
    "transforms/test_manipulate_n2v.py::test_manipulate_n2v_torch*": "N2VManipulate takes tensors, and no device",
    "transforms/test_normalize.py::test_normalize_denormalize*": _OTHER_ARGUMENTS,
    "transforms/test_normalize.py::test_transform_additional_arrays_not_implemented": _OTHER_ARGUMENTS,
    "transforms/test_normalize.py::test_normalize_empty_stats": _OTHER_ARGUMENTS,
    "transforms/test_normalize.py::test_reshape_stats*": _PRIVATE,
    "transforms/test_pixel_manipulation.py::*": _PRIVATE,
    "transforms/test_tta.py::*": _PRIVATE,
    "transforms/test_xy_flip.py::test_*flip_xy*": _GENERATOR,
    "transforms/test_xy_flip.py::test_flip_mask": _GENERATOR,
    "transforms/test_xy_random_rotate90.py::test_*rotate*": _GENERATOR,
    "utils/test_reshape_array.py::*": _OTHER_ARGUMENTS,
}
"""Patterns of names, each with the reason."""

MAY_FAIL: dict[str, str] = {
    "transforms/test_manipulate_n2v.py::test_manipulate_n2v[[]uniform]": _MASK_OF_CHANGES,
}
"""Patterns of names that fail or pass by chance."""
