"""The parts of check_images: what can be wrong with pictures, and with what label files say of them."""
