from templates_lib.services.assets import delete_asset, upload_asset
from templates_lib.services.categories import create_category, delete_category, rename_category
from templates_lib.services.templates import (
    add_starters,
    archive_template,
    create_template,
    duplicate_template,
    import_template,
    restore_version,
    save_version,
    unarchive_template,
    unused_name,
    update_template,
    use_starter,
)

__all__ = [
    "add_starters",
    "archive_template",
    "create_category",
    "create_template",
    "delete_asset",
    "delete_category",
    "duplicate_template",
    "import_template",
    "rename_category",
    "restore_version",
    "save_version",
    "unarchive_template",
    "unused_name",
    "update_template",
    "upload_asset",
    "use_starter",
]
