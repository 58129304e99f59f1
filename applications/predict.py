"""`--predict`: scores of images, as lines, as a file and as a page."""

from applications.setup.scorer import model_file, open_scorer
from config import Config
from rankiqa.batch.run import Request, score_request


def run(config: Config) -> int:
    """Score what the arguments name.

    Returns:
        0; 1 when a row of the whole output has an error or a folder could not be read; 130 when interrupted.
    """
    request = Request(
        config.predict or [],
        config.output,
        config.report,
        config.quality_map,
        config.skip_done,
        config.full_decode,
        config.max_pixels,
        config.threads,
    )
    if config.cluster:
        from deploy.cluster import score_on_cluster

        return score_on_cluster(
            list(request.names),
            model_file(config),
            config.output,
            config.cluster,
            config.engine,
            config.full_decode,
            config.max_pixels,
        )
    return score_request(request, lambda count: open_scorer(config, count))
