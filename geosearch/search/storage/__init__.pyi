from .errors import check_readable as check_readable
from .errors import translate_errors as translate_errors
from .sqlite import sqlite_path as sqlite_path
from .urls import Heartbeat as Heartbeat
from .urls import storage_at as storage_at
from .urls import translate_connection_errors as translate_connection_errors
