from .curation_page import render_curation_page as render_curation_page
from .page import render as render
from .page import write_page as write_page
from .summary import StudyReport as StudyReport
from .summary import StudySummary as StudySummary
