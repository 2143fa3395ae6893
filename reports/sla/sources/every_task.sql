-- All tasks, wherever they lie in time; found_task stands in for it where indexes find those of the months.
SELECT d.* FROM dated_task AS d
