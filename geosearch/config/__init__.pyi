from .read import parse_study as parse_study
from .read import read_study as read_study
from .reference import options_table as options_table
from .study_config import StudyFile as StudyFile
