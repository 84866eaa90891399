"""The errors that end a training run with one clear sentence instead of a traceback."""


class TrainerError(Exception):
    """Something a person can mend: the message names it, what was wanted and what to do."""


class DatasetError(TrainerError):
    """A data file is missing, unreadable or not what it should be."""


class DownloadError(DatasetError):
    """No data file is present and none could be fetched."""


class AccuracyTooLowError(TrainerError):
    """The trained model is below the accuracy that may be published."""


class PublishError(TrainerError):
    """The trained model could not be written, or did not read back as it was."""


class RollbackError(TrainerError):
    """There is no version to go back to, or it must not serve."""


class StoreError(TrainerError):
    """The feedback store cannot be read now."""


class BusyError(TrainerError):
    """Another training is at work in the same folder."""


class RetrainError(TrainerError):
    """The model in service cannot be trained on."""


class ObjectStoreError(TrainerError):
    """The object store cannot be reached, or does not let us in."""


class ConflictError(ObjectStoreError):
    """Somebody else has written to the object store what we were to write."""


class ClusterError(TrainerError):
    """The workers that are to train together are not named as they must be, or cannot do this together."""


class PeerLostError(TrainerError):
    """Another worker cannot be reached any more, or not yet."""
