"""The audit log as files that analysts read: Parquet, one file per UTC day and partition, exactly once into a folder.

Promises: every committed record of `audit` becomes one row, readable or not; the same rows make the same bytes, so a crash at
any step and another run end in the folder that a run without a crash would have made; what is there already is not touched.
`check_folder` needs neither Kafka nor settings, and gives from the folder the report that the topic would give.

What protects a folder: a checksum in every Parquet page, and a manifest with the SHA-256, the rows and the offsets of every
file, each naming the offset before it, and a digest over all of it. Who changes a file *and* writes the manifest anew is found
only by what the entries themselves must fulfil (tiles, leaves, grants before claims). Who writes all of that anew, or cuts the
end off everything, is found only by whoever noted the manifest's digest elsewhere, or still has the topic.

Refuses: to export into a folder that holds something else or the log of another topic, to append to a file that was changed,
to go on where entries were deleted from the topic before they were exported, to let two exports write one folder.

pyarrow comes with the extra `lake` and is imported when it is first needed; only `arrow` names it.
"""
