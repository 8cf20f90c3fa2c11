"""What is read out of data after they were measured: imported files, recordings to replay, figures and fits."""
