from .curated_dataset import CuratedDataset as CuratedDataset
from .curated_dataset import curate_dataset as curate_dataset
from .estimate import Estimate as Estimate
from .estimate import check as check
from .export import Export as Export
from .prepare import Prepared as Prepared
from .study import Study as Study
