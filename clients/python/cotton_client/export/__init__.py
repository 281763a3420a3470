"""Tables as files: CSV and Parquet for programs, Excel workbooks for people."""

from __future__ import annotations

from cotton_client.export.about import About, Line, about_certificates, about_grades
from cotton_client.export.about_settlement import about_settlement
from cotton_client.export.drafts import drafts
from cotton_client.export.plain import plain_frame, write_csv, write_parquet
from cotton_client.export.workbook import Sheet, write_excel, write_workbook

__all__ = [
    "About",
    "Line",
    "Sheet",
    "about_certificates",
    "about_grades",
    "about_settlement",
    "drafts",
    "plain_frame",
    "write_csv",
    "write_excel",
    "write_parquet",
    "write_workbook",
]
