"""What can go wrong with models and folders. A new error says what happened, which value, and what to do."""


class UnknownModel(ValueError):
    """A model source that names nothing that can be loaded."""


class CorruptFolder(ValueError):
    """A folder whose files differ from its manifest."""


class ForeignCheckpoint(ValueError):
    """A checkpoint of other work than that which is to go on from it."""


class WrongBase(ValueError):
    """An adapter or reward model that was made for another base."""


class UnknownAdapter(KeyError):
    """An adapter name that is not loaded."""


class NothingToTrain(ValueError):
    """An optimiser was asked for where no parameter is trainable."""


class PromptTooLong(ValueError):
    """A prompt that leaves no room for a completion in the tokens that a base reads."""


class NonFiniteLoss(RuntimeError):
    """Three non-finite losses or gradients in a row."""
