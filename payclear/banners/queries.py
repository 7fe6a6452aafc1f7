"""Every statement of banners."""

_COLUMNS = "id, text_vi, text_en, begins_at, ends_at, made_by, made_at, taken_down_by, taken_down_at"

INSERT = """
INSERT INTO public_banner (id, text_vi, text_en, begins_at, ends_at, made_by, made_at)
VALUES (%(id)s, %(text_vi)s, %(text_en)s, %(begins_at)s, %(ends_at)s, %(by)s, %(at)s)
"""
TAKE_DOWN = """
UPDATE public_banner SET taken_down_by = %(by)s, taken_down_at = %(at)s
WHERE id = %(id)s AND taken_down_at IS NULL AND ends_at > %(at)s
"""
NEWEST = f"SELECT {_COLUMNS} FROM public_banner ORDER BY made_at DESC, id LIMIT %s"
NOT_OVER = f"""
SELECT {_COLUMNS} FROM public_banner WHERE ends_at > %s AND taken_down_at IS NULL ORDER BY begins_at, id LIMIT %s
"""
